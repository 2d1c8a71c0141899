"""What a derivation is: steps with equations and checks, and the symbols of the theory."""
