"""Refinement: candidate rows chosen, and the model corrected, by how marginals differ."""
