"""The second-law audit of a model: does it balance in detail, and can its entropy fall."""
