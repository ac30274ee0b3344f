"""Finding faces in photos, aligning them like FFHQ, and putting completed ones back."""
