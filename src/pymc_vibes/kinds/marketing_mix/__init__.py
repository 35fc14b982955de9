"""What sales owe to media: data, settings, checks and worlds of the kind to come."""
