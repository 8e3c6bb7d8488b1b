"""An assessment as one HTML page for a reader who decides about a release."""
