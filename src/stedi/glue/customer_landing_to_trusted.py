"""AWS Glue job: refresh trusted.customer_trusted."""

from stedi.glue import main

if __name__ == "__main__":
    main("customer_landing_to_trusted")
