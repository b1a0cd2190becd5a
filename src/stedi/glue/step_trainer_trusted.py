"""AWS Glue job: refresh trusted.step_trainer_trusted."""

from stedi.glue import main

if __name__ == "__main__":
    main("step_trainer_trusted")
