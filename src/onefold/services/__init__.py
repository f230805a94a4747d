"""Use cases: load what a decision needs, ask the domain, apply the answer in one transaction."""
