"""Read models: what each folds from which events, its tables and queries, and the runner that keeps them up to date."""
