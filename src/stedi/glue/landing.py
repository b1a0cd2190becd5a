"""AWS Glue job: land what is new of the delivered files."""

from stedi.glue import main

if __name__ == "__main__":
    main("landing")
