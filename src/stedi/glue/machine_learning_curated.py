"""AWS Glue job: refresh curated.machine_learning_curated."""

from stedi.glue import main

if __name__ == "__main__":
    main("machine_learning_curated")
