import io.trino.plugin.iceberg.IcebergPlugin;
import io.trino.server.testing.TestingTrinoServer;
import java.util.Map;

/**
 * Trino on a free port of 127.0.0.1, as its own tests start it, with one catalog, "lake".
 *
 * <p>Argument: the address of an Iceberg REST catalog. Prints the port; ends when its standard
 * input does.
 */
public class Trino {
  public static void main(String[] args) throws Exception {
    TestingTrinoServer server = TestingTrinoServer.builder()
        .setProperties(Map.of("query.max-memory-per-node", "400MB"))
        .build();
    server.installPlugin(new IcebergPlugin());
    server.createCatalog("lake", "iceberg", Map.of(
        "iceberg.catalog.type", "rest",
        "iceberg.rest-catalog.uri", args[0]));
    System.out.println(server.getAddress().getPort());
    while (System.in.read() >= 0) {}
    Runtime.getRuntime().halt(0); // it keeps nothing, and its goodbyes take seconds
  }
}
