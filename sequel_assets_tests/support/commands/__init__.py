"""Commands of the platform as the tests call them."""
