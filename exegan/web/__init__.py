"""The page in a browser and its endpoint for programs, which `exegan demo` serves. Gradio is imported nowhere else."""
