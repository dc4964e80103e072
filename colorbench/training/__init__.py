"""Training of any network: a task brings samples, losses and a validation; everything else is here, once."""
