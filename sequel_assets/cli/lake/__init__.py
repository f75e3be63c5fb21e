"""`sequel-assets export --layout lake`: makes and renews a lake. What a lake is: `queries/lake`."""
