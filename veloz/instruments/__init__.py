"""What is traded: exact numbers, instruments and their versions, the catalogue that numbers them."""
