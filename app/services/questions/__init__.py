"""What the service is asked: a file each, answered from the ratings as they are now and the model that is served."""
