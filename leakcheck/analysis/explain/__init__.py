"""Explaining a growth: retention paths, allocation sites, fingerprints and advice."""
