"""AWS Glue job: refresh curated.customers_curated."""

from stedi.glue import main

if __name__ == "__main__":
    main("customer_trusted_to_curated")
