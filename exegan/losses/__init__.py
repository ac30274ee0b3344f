"""The objective: its terms, their weighted sum, and the spatially variant gradient layer."""
