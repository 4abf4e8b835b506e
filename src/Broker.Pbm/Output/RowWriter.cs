using System.Text.Json;
using Spectre.Console;

namespace Broker.Pbm.Output;

/// <summary>Shows the rows of a command.</summary>
internal interface IRowWriter
{
    /// <summary>Shows one row, or keeps it.</summary>
    void Add(JsonElement row);

    /// <summary>Shows what was kept. Call once after the last row.</summary>
    void End();
}

/// <summary>Writes rows that are the lines of a text as that text.</summary>
internal sealed class LineWriter(TextWriter output) : IRowWriter
{
    public void Add(JsonElement row) => output.WriteLine(row.GetProperty("text").GetString());

    public void End() => output.Flush();
}

/// <summary>
/// Shows rows: a table on a terminal, a header and tab-separated lines in a pipe, one JSON object a line with <c>--json</c>.
/// </summary>
/// <param name="console">Where to write.</param>
/// <param name="json">Write JSON lines.</param>
/// <param name="columns">What a row of text shows; empty: all that the first row has.</param>
/// <param name="follows">Rows may come at any time, and each is to be seen at once: no table, which would need the last one first.</param>
internal sealed class RowWriter(PbmConsole console, bool json, IReadOnlyList<string> columns, bool follows = false) : IRowWriter
{
    // A table needs all widths before its first line; beyond so many rows it would cost memory and be no longer read.
    private const int TableRows = 10_000;
    private readonly List<string[]> _table = [];
    private IReadOnlyList<string> _columns = columns;
    private bool _headerWritten;

    /// <summary>Shows one row, or keeps it for the table.</summary>
    public void Add(JsonElement row)
    {
        Show(row);
        if (follows)
        {
            console.Output.Flush();
        }
    }

    /// <summary>Shows what was kept. Call once after the last row.</summary>
    public void End()
    {
        FlushTable();
        console.Output.Flush();
    }

    private void Show(JsonElement row)
    {
        if (json)
        {
            console.Output.WriteLine(JsonLine.Of(row));
            return;
        }

        if (_columns.Count == 0)
        {
            _columns = row.ValueKind == JsonValueKind.Object ? [.. row.EnumerateObject().Select(property => property.Name)] : ["value"];
        }

        var cells = _columns.Select(column => Cell(row, column)).ToArray();
        if (console.IsTerminal && !follows && _table.Count < TableRows && !_headerWritten)
        {
            _table.Add(cells);
            return;
        }

        FlushTable();
        WriteLine(cells);
    }

    private static string Cell(JsonElement row, string column) =>
        row.ValueKind != JsonValueKind.Object ? PlainText.Cell(row)
        : row.TryGetProperty(column, out var value) ? PlainText.Cell(value)
        : "";

    private void FlushTable()
    {
        if (_table.Count == 0)
        {
            return;
        }

        var table = new Table { Border = TableBorder.Rounded };
        foreach (var column in _columns)
        {
            table.AddColumn(new TableColumn(new Text(PlainText.Visible(column), new Style(decoration: Decoration.Bold))));
        }

        foreach (var cells in _table)
        {
            table.AddRow(cells.Select(cell => new Text(cell)));
        }

        AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(console.Output) }).Write(table);
        _table.Clear();
        _headerWritten = true;
    }

    private void WriteLine(string[] cells)
    {
        if (!_headerWritten)
        {
            console.Output.WriteLine(string.Join('\t', _columns.Select(PlainText.Visible)));
            _headerWritten = true;
        }

        console.Output.WriteLine(string.Join('\t', cells));
    }
}
