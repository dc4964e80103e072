"""Tables, figures and pages, made from a run folder; no metric is computed here."""
