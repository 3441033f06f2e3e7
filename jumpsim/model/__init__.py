"""What is simulated: pools, channels, the model that they make, its rates and its starts."""
