"""Made-up places, seeded and repeatable, labelled as made up."""
