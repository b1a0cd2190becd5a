"""AWS Glue job: refresh trusted.accelerometer_trusted."""

from stedi.glue import main

if __name__ == "__main__":
    main("accelerometer_landing_to_trusted")
