"""Bayesian experimentation and causal analytics: events in, honest answers out."""
