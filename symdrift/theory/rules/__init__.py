"""What follows from any rule that does not know its hidden basis, and from the shipped ones."""
