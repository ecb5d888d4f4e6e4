"""The deployment as a whole: the image built, compose brought up, its parts killed and restarted under load."""
