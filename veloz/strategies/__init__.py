"""What we want: the SDK for strategies, and the host that runs them. Imports nothing above the reducers."""
