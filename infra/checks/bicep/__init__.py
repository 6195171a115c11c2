"""A reader and partial evaluator for the subset of Bicep that ``infra/`` keeps to."""
