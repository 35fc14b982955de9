"""The resource tree under `/api/v1`."""
