"""The socket side of the service: which connections it keeps, and what it reads of them before anybody has signed in.

What a stranger can send is bounded here, before any of it reaches an application: the head of a request, the time it
takes, the rate of a body, and how many connections there are.
"""
