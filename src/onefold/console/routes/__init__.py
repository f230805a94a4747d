"""The pages by subject; each file has the addresses of one."""
