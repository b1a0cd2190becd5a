import io.trino.plugin.hive.HiveConnectorFactory;
import io.trino.plugin.iceberg.IcebergPlugin;
import io.trino.server.testing.TestingTrinoServer;
import io.trino.spi.Plugin;
import io.trino.spi.connector.ConnectorFactory;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Trino on a free port of 127.0.0.1, as its own tests start it, over a Glue Data Catalog and S3.
 *
 * <p>The catalog "awsdatacatalog", by the Hive connector, sends whoever asks for an Iceberg table on
 * to the catalog "iceberg", so that both kinds are one catalog's, as in Athena.
 *
 * <p>Arguments: the endpoints of Glue and S3, the region, and access key and secret key of S3.
 * Prints the port; ends when its standard input does.
 */
public class Trino {
  public static void main(String[] args) throws Exception {
    TestingTrinoServer server = TestingTrinoServer.builder()
        .setProperties(Map.of("query.max-memory-per-node", "400MB"))
        .build();
    Map<String, String> aws = aws(args);
    server.installPlugin(new IcebergPlugin());
    server.createCatalog("iceberg", "iceberg", with(aws, "iceberg.catalog.type", "glue"));
    server.installPlugin(new Hive());
    server.createCatalog("awsdatacatalog", "hive",
        with(with(aws, "hive.metastore", "glue"), "hive.iceberg-catalog-name", "iceberg"));
    System.out.println(server.getAddress().getPort());
    while (System.in.read() >= 0) {}
    Runtime.getRuntime().halt(0); // it keeps nothing, and its goodbyes take seconds
  }

  private static Map<String, String> aws(String[] args) {
    return Map.of(
        "hive.metastore.glue.endpoint-url", args[0],
        "hive.metastore.glue.region", args[2],
        "hive.metastore.glue.aws-access-key", "any",
        "hive.metastore.glue.aws-secret-key", "any",
        "hive.s3.endpoint", args[1],
        "hive.s3.ssl.enabled", "false",
        "hive.s3.path-style-access", "true",
        "hive.s3.aws-access-key", args[3],
        "hive.s3.aws-secret-key", args[4]);
  }

  private static Map<String, String> with(Map<String, String> given, String key, String value) {
    Map<String, String> more = new HashMap<>(given);
    more.put(key, value);
    return more;
  }

  /** The plugin itself, trino-hive-hadoop2, adds packaging alone. */
  private static class Hive implements Plugin {
    @Override
    public Iterable<ConnectorFactory> getConnectorFactories() {
      return List.of(new HiveConnectorFactory("hive"));
    }
  }
}
