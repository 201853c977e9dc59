"""The sentences and table cells that all reporters share."""
