"""What all stages of a refresh share: time, datasets, outcomes, configuration. It asks Sequel nothing."""
