"""Every sentence, and the one composer that all reporters use."""
