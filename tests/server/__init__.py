"""What a stranger can send, on real sockets."""
