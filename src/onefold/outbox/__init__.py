"""What other systems are told of: events, written in the transaction that they speak of."""
