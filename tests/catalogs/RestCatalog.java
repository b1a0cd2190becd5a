import jakarta.servlet.DispatcherType;
import jakarta.servlet.Filter;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.File;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.EnumSet;
import java.util.Map;
import org.apache.iceberg.Files;
import org.apache.iceberg.io.FileIO;
import org.apache.iceberg.io.InputFile;
import org.apache.iceberg.io.OutputFile;
import org.apache.iceberg.io.PositionOutputStream;
import org.apache.iceberg.io.SeekableInputStream;
import org.apache.iceberg.jdbc.JdbcCatalog;
import org.apache.iceberg.rest.RESTCatalogAdapter;
import org.apache.iceberg.rest.RESTCatalogServlet;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.servlet.FilterHolder;
import org.eclipse.jetty.servlet.ServletContextHandler;
import org.eclipse.jetty.servlet.ServletHolder;

/**
 * Iceberg's REST catalog, its rows in a SQLite file, on two free ports of 127.0.0.1.
 *
 * <p>Arguments: the SQLite file, and the bearer token that the second port insists on. Prints both
 * ports; ends when its standard input does.
 */
public class RestCatalog {
  public static void main(String[] args) throws Exception {
    JdbcCatalog catalog = new JdbcCatalog(properties -> new LocalFiles(), null, true);
    catalog.initialize("rest", Map.of(
        "uri", "jdbc:sqlite:" + args[0],
        "warehouse", "file:///nowhere",
        "jdbc.schema-version", "V1"));
    System.out.println(serve(catalog, "") + " " + serve(catalog, args[1]));
    while (System.in.read() >= 0) {}
    System.exit(0);
  }

  private static int serve(JdbcCatalog catalog, String token) throws Exception {
    ServletContextHandler handler = new ServletContextHandler();
    handler.addServlet(new ServletHolder(new RESTCatalogServlet(new RESTCatalogAdapter(catalog))), "/*");
    handler.addFilter(new FilterHolder(guard(token)), "/*", EnumSet.of(DispatcherType.REQUEST));
    Server server = new Server(new InetSocketAddress("127.0.0.1", 0));
    server.setHandler(handler);
    server.start();
    return ((ServerConnector) server.getConnectors()[0]).getLocalPort();
  }

  /** Refuses every request without the token but those that ask for one. */
  private static Filter guard(String token) {
    return (request, response, chain) -> {
      HttpServletRequest asked = (HttpServletRequest) request;
      boolean known = ("Bearer " + token).equals(asked.getHeader("Authorization"));
      if (token.isEmpty() || known || asked.getRequestURI().endsWith("/oauth/tokens")) {
        chain.doFilter(request, response);
      } else {
        HttpServletResponse refused = (HttpServletResponse) response;
        refused.setStatus(401);
        refused.setContentType("application/json");
        refused.getWriter().write("{\"error\": {\"message\": \"who are you?\","
            + " \"type\": \"NotAuthorizedException\", \"code\": 401}}");
      }
    };
  }

  /** Files by locations like file:///x, for which Hadoop is not needed. */
  private static class LocalFiles implements FileIO {
    @Override
    public InputFile newInputFile(String location) {
      InputFile file = Files.localInput(path(location));
      return new InputFile() {
        @Override
        public long getLength() {
          return file.getLength();
        }

        @Override
        public SeekableInputStream newStream() {
          return file.newStream();
        }

        @Override
        public String location() {
          return location;
        }

        @Override
        public boolean exists() {
          return file.exists();
        }
      };
    }

    @Override
    public OutputFile newOutputFile(String location) {
      OutputFile file = Files.localOutput(path(location));
      return new OutputFile() {
        @Override
        public PositionOutputStream create() {
          return file.create();
        }

        @Override
        public PositionOutputStream createOrOverwrite() {
          return file.createOrOverwrite();
        }

        @Override
        public String location() {
          return location;
        }

        @Override
        public InputFile toInputFile() {
          return newInputFile(location);
        }
      };
    }

    @Override
    public void deleteFile(String location) {
      path(location).delete();
    }

    private static File path(String location) {
      return new File(URI.create(location).getPath());
    }
  }
}
