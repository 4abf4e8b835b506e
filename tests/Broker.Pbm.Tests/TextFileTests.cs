namespace Broker.Pbm.Tests;

/// <summary>Commands of the node that read or write a file on pbm's side.</summary>
public sealed class TextFileTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory();

    private string Book => Path.Combine(_folder.FullName, "book.txt");

    [Fact]
    public async Task Text_is_printed_as_it_is()
    {
        await using var pbm = new PbmRun(new FakeSession { Rows = ["""{"text":"{ \"a\":\t1"}""", """{"text":"}"}"""] }, isTerminal: true);
        Assert.Equal(ExitCode.Ok, await pbm.RunAsync("book", "export"));
        Assert.Equal("{ \"a\":\t1\n}\n", pbm.Output);
        Assert.Equal([("book export", "{}")], pbm.Session.Requests);
    }

    [Fact]
    public async Task Text_as_json_is_rows()
    {
        await using var pbm = new PbmRun(new FakeSession { Rows = ["""{"text":"a"}"""] });
        Assert.Equal(ExitCode.Ok, await pbm.RunAsync("book", "export", "--json"));
        Assert.Equal("{\"text\":\"a\"}\n", pbm.Output);
    }

    [Fact]
    public async Task Text_goes_to_the_file_that_is_named()
    {
        await File.WriteAllTextAsync(Book, "of before");
        await using var pbm = new PbmRun(new FakeSession { Rows = ["""{"text":"Bücher"}""", """{"text":"}"}"""] });
        Assert.Equal(ExitCode.Ok, await pbm.RunAsync("book", "export", Book));
        Assert.Equal(("", "Bücher\n}\n"), (pbm.Output, await File.ReadAllTextAsync(Book)));
        Assert.Equal([("book export", "{}")], pbm.Session.Requests);
        Assert.Equal([Book], Directory.GetFiles(_folder.FullName));
    }

    [Fact]
    public async Task File_stays_as_it_was_if_the_command_fails()
    {
        await File.WriteAllTextAsync(Book, "of before");
        await using var pbm = new PbmRun(new FakeSession { Failure = new PbmException(ExitCode.Failed, "NOT_FOUND", "no book") });
        Assert.Equal(ExitCode.Failed, await pbm.RunAsync("book", "export", Book));
        Assert.Equal("of before", await File.ReadAllTextAsync(Book));
        Assert.Equal([Book], Directory.GetFiles(_folder.FullName));
    }

    [Fact]
    public async Task Content_of_a_file_is_the_argument()
    {
        await File.WriteAllTextAsync(Book, "\"Bücher\"\n");
        await using var pbm = new PbmRun(new FakeSession { Rows = ["""{"page":1}"""] });
        Assert.Equal(ExitCode.Ok, await pbm.RunAsync("book", "import", Book));
        Assert.Equal([("book import", """{"file":"\u0022B\u00FCcher\u0022\n"}""")], pbm.Session.Requests);
        Assert.Equal("page\n1\n", pbm.Output);
    }

    [Theory]
    [InlineData("book", "import", "missing.txt", "cannot read")]
    [InlineData("book", "import", "binary.txt", "is no text in UTF-8")]
    [InlineData("book", "export", "missing/book.txt", "cannot write")]
    public async Task File_that_cannot_be_used_is_named_and_nothing_is_sent(string palette, string command, string file, string says)
    {
        await File.WriteAllBytesAsync(Path.Combine(_folder.FullName, "binary.txt"), [0xC3, 0x28]);
        await using var pbm = new PbmRun();
        Assert.Equal(ExitCode.Usage, await pbm.RunAsync(palette, command, Path.Combine(_folder.FullName, file)));
        Assert.Contains(says, pbm.Error, StringComparison.Ordinal);
        Assert.Contains(file, pbm.Error, StringComparison.Ordinal);
        Assert.Empty(pbm.Session.Requests);
    }

    [Fact]
    public async Task Messages_go_to_the_vhost_that_is_named()
    {
        await using var pbm = new PbmRun();
        await pbm.RunAsync("message", "publish", "hello", "--key", "orders", "--vhost", "shop");
        await pbm.RunAsync("message", "publish", "hello", "--key", "orders");
        await pbm.RunAsync("message", "consume", "orders", "--vhost", "shop");
        Assert.Equal(["shop", "/"], pbm.Targets.Select(t => t.Vhost)); // one session for each
        Assert.Equal(2, pbm.Session.Published.Count);
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
