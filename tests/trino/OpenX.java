import io.trino.hive.formats.line.Column;
import io.trino.hive.formats.line.LineBuffer;
import io.trino.hive.formats.line.LineDeserializer;
import io.trino.hive.formats.line.openxjson.OpenXJsonDeserializerFactory;
import io.trino.hive.formats.line.text.TextLineReader;
import io.trino.spi.Page;
import io.trino.spi.PageBuilder;
import io.trino.spi.block.Block;
import io.trino.spi.type.BigintType;
import io.trino.spi.type.DoubleType;
import io.trino.spi.type.IntegerType;
import io.trino.spi.type.Type;
import io.trino.spi.type.VarcharType;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/**
 * Trino's reader of tables with the OpenX JSON SerDe, over files of lines.
 *
 * <p>Standard input: for each table a line "table NAME", then lines of "column NAME TYPE", "property
 * KEY=VALUE" and "file PATH", as its CREATE TABLE names them. Prints a line for each row: "row", the
 * table's name, and its values in hex of UTF-8 after an x, "-" for null.
 */
public class OpenX {
  private static final Map<String, Type> TYPES = Map.of(
      "string", VarcharType.VARCHAR,
      "int", IntegerType.INTEGER,
      "bigint", BigintType.BIGINT,
      "double", DoubleType.DOUBLE);

  private final String name;
  private final List<Column> columns = new ArrayList<>();
  private final Map<String, String> properties = new HashMap<>();

  private OpenX(String name) {
    this.name = name;
  }

  public static void main(String[] args) throws Exception {
    OpenX table = null;
    for (String line : new String(System.in.readAllBytes(), StandardCharsets.UTF_8).split("\n")) {
      String rest = line.substring(line.indexOf(' ') + 1);
      switch (line.split(" ")[0]) {
        case "table" -> table = new OpenX(rest);
        case "column" -> table.column(rest.split(" ")[0], rest.split(" ")[1]);
        case "property" -> table.properties.put(rest.split("=", 2)[0], rest.split("=", 2)[1]);
        case "file" -> System.out.print(table.read(Path.of(rest)));
        default -> throw new IllegalArgumentException(line);
      }
    }
  }

  private void column(String column, String type) {
    columns.add(new Column(column, TYPES.get(type), columns.size()));
  }

  private String read(Path file) throws Exception {
    LineDeserializer reader = new OpenXJsonDeserializerFactory().create(columns, properties);
    LineBuffer line = new LineBuffer(1024, 1 << 24);
    PageBuilder rows = new PageBuilder(reader.getTypes());
    try (InputStream bytes = Files.newInputStream(file)) {
      TextLineReader lines = new TextLineReader(bytes, 1 << 16);
      while (lines.readLine(line)) {
        reader.deserialize(line, rows);
      }
    }
    return text(rows.build(), reader.getTypes());
  }

  private String text(Page page, List<? extends Type> types) {
    StringBuilder out = new StringBuilder();
    for (int row = 0; row < page.getPositionCount(); row++) {
      out.append("row ").append(name);
      for (int channel = 0; channel < page.getChannelCount(); channel++) {
        out.append(" ").append(value(types.get(channel), page.getBlock(channel), row));
      }
      out.append("\n");
    }
    return out.toString();
  }

  private static String value(Type type, Block block, int row) {
    if (block.isNull(row)) {
      return "-";
    }
    String text = type.getJavaType() == long.class ? Long.toString(type.getLong(block, row))
        : type.getJavaType() == double.class ? Double.toString(type.getDouble(block, row))
        : type.getSlice(block, row).toStringUtf8();
    return "x" + HexFormat.of().formatHex(text.getBytes(StandardCharsets.UTF_8));
  }
}
