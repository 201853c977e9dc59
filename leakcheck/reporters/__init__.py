"""Turn a run into documents. Reporters are pure: they neither open, print nor judge."""
