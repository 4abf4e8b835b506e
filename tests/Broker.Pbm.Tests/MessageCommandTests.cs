using System.Text;
using Broker.Pbm.Session;
using Broker.Protocol;

namespace Broker.Pbm.Tests;

public sealed class MessageCommandTests
{
    [Fact]
    public async Task A_body_is_published_with_its_properties()
    {
        await using var pbm = new PbmRun();
        var exitCode = await pbm.RunAsync(
            "message", "publish", "--exchange", "", "--key", "orders", "hello", "--mandatory",
            "--content-type", "text/plain", "--message-id", "m1", "--correlation-id", "c1", "--reply-to", "answers", "--header", "a=1", "--header", "b=x=y");

        Assert.Equal(ExitCode.Ok, exitCode);
        Assert.Equal("1 confirmed\n", pbm.Output);
        var message = Assert.Single(pbm.Session.Published);
        Assert.Equal(("", "orders", true, true), (message.Exchange, message.RoutingKey, message.Mandatory, message.Durable));
        Assert.Equal("hello", Encoding.UTF8.GetString(message.Body.Span));
        var expected = new MessageProperties
        {
            ContentType = "text/plain", MessageId = "m1", CorrelationId = "c1", ReplyTo = "answers", Headers = FieldTable.Of(("a", "1"), ("b", "x=y")),
        };
        Assert.Equal(expected, message.Properties);
    }

    [Fact]
    public async Task A_message_is_transient_only_if_that_is_asked_for()
    {
        await using var pbm = new PbmRun();
        Assert.Equal(ExitCode.Ok, await pbm.RunAsync("message", "publish", "--key", "orders", "hello", "--transient"));
        Assert.False(Assert.Single(pbm.Session.Published).Durable);
        Assert.Equal(ExitCode.Usage, await pbm.RunAsync("message", "publish", "--key", "orders", "hello", "--durable"));
    }

    [Theory]
    [InlineData("a\nb\nc\n", "a", "b", "c")]
    [InlineData("a\nb", "a", "b")]
    [InlineData("\na\n\n", "", "a", "")]
    [InlineData("a\r\n", "a\r")]
    [InlineData("")]
    public async Task Each_line_of_standard_input_is_a_message(string input, params string[] bodies)
    {
        await using var pbm = new PbmRun(input: input);
        Assert.Equal(ExitCode.Ok, await pbm.RunAsync("message", "publish", "--key", "orders", "--stdin"));
        Assert.Equal(bodies, pbm.Session.Published.Select(message => Encoding.UTF8.GetString(message.Body.Span)));
        Assert.Equal($"{bodies.Length} confirmed\n", pbm.Output);
    }

    [Fact]
    public async Task Many_lines_are_all_published_in_order()
    {
        await using var pbm = new PbmRun(input: string.Join('\n', Enumerable.Range(0, 50_000)));
        await pbm.RunAsync("message", "publish", "--stdin");
        var expected = Enumerable.Range(0, 50_000).Select(number => $"{number}");
        Assert.Equal(expected, pbm.Session.Published.Select(message => Encoding.UTF8.GetString(message.Body.Span)));
        Assert.Equal("50000 confirmed\n", pbm.Output);
    }

    [Fact]
    public async Task A_file_is_one_message()
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, "two\nlines");
            await using var pbm = new PbmRun();
            Assert.Equal(ExitCode.Ok, await pbm.RunAsync("message", "publish", "--file", file));
            Assert.Equal("two\nlines", Encoding.UTF8.GetString(Assert.Single(pbm.Session.Published).Body.Span));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task Returned_and_rejected_messages_are_counted_and_fail_the_command()
    {
        var answers = new Queue<PublishResult>(
            [new(PublishOutcome.Confirmed), new(PublishOutcome.Returned, "UNROUTABLE: no queue"), new(PublishOutcome.Rejected, "RESOURCE_EXHAUSTED: full")]);
        await using var pbm = new PbmRun(new FakeSession { Answer = _ => Task.FromResult(answers.Dequeue()) }, input: "a\nb\nc\n");
        Assert.Equal(ExitCode.Failed, await pbm.RunAsync("message", "publish", "--stdin", "--json"));
        Assert.Equal("{\"confirmed\":1,\"returned\":1,\"rejected\":1,\"unknown\":0}\n", pbm.Output);
        Assert.Equal("pbm: returned: UNROUTABLE: no queue\npbm: rejected: RESOURCE_EXHAUSTED: full\n", pbm.Error);
    }

    [Theory]
    [InlineData()]
    [InlineData("hello", "--stdin")]
    [InlineData("hello", "--header", "nothing")]
    [InlineData("hello", "--header", "a=1", "--header", "a=2")]
    [InlineData("--file", "/does/not/exist")]
    public async Task A_message_that_cannot_be_made_is_a_usage_error(params string[] arguments)
    {
        await using var pbm = new PbmRun();
        Assert.Equal(ExitCode.Usage, await pbm.RunAsync(["message", "publish", .. arguments]));
        Assert.Empty(pbm.Session.Published);
    }

    [Fact]
    public async Task Consuming_ends_at_the_count_and_acknowledges_what_was_printed()
    {
        await using var pbm = Filled(new FakeSession(), "a", "b", "c");
        Assert.Equal(ExitCode.Ok, await pbm.RunAsync("message", "consume", "orders", "--count", "2"));
        Assert.Equal("a\nb\n", pbm.Output);
        Assert.Equal(2, pbm.Session.Acknowledged);
        Assert.Single(pbm.Session.Ready);
    }

    [Fact]
    public async Task Consuming_ends_when_the_queue_is_empty()
    {
        await using var pbm = Filled(new FakeSession(), "a");
        Assert.Equal(ExitCode.Ok, await pbm.RunAsync("message", "consume", "orders", "--count", "2"));
        Assert.Equal("a\n", pbm.Output);
        Assert.Contains("empty after 1 of 2", pbm.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Following_goes_on_until_the_count()
    {
        await using var pbm = Filled(new FakeSession(), "a", "b");
        Assert.Equal(ExitCode.Ok, await pbm.RunAsync("message", "consume", "orders", "--follow", "--count", "2"));
        Assert.Equal("a\nb\n", pbm.Output);
    }

    [Theory]
    [InlineData("first", FieldKind.Text)]
    [InlineData("2h", FieldKind.Text)]
    [InlineData("120", FieldKind.Integer)]
    public async Task A_log_is_read_from_an_offset_and_filtered(string offset, FieldKind kind)
    {
        await using var pbm = Filled(new FakeSession(), "a");
        Assert.Equal(ExitCode.Ok, await pbm.RunAsync("message", "consume", "events", "--offset", offset, "--filter", "red", "--filter", "blue", "--count", "1"));
        Assert.Equal("a\n", pbm.Output);
        var arguments = Assert.Single(pbm.Session.Subscribed);
        Assert.True(arguments.TryGetValue("x-stream-offset", out var begin) && begin.Kind == kind && begin.ToString().Trim('"') == offset);
        Assert.True(arguments.TryGetValue("x-stream-filter", out var filter));
        Assert.Equal(["red", "blue"], filter.AsList()!.Select(v => v.AsText()));
    }

    [Fact]
    public async Task Following_is_interrupted_by_a_signal()
    {
        using var signal = new CancellationTokenSource();
        await using var pbm = Filled(new FakeSession(), "a");
        var running = pbm.RunAsync(signal.Token, "message", "consume", "orders", "--follow");
        await signal.CancelAsync();
        Assert.Equal(ExitCode.Interrupted, await running);
        Assert.Equal("a\n", pbm.Output);
    }

    [Fact]
    public async Task A_body_reaches_a_pipe_byte_by_byte_and_a_terminal_without_control_characters()
    {
        await using var pipe = Filled(new FakeSession(), "\u001b[2J\tü");
        await pipe.RunAsync("message", "consume", "orders");
        Assert.Equal("\u001b[2J\tü\n", pipe.Output);

        await using var terminal = Filled(new FakeSession(), "\u001b[2Jü", isTerminal: true);
        await terminal.RunAsync("message", "consume", "orders");
        Assert.Equal("\\u001b[2Jü\n", terminal.Output);
    }

    [Fact]
    public async Task A_message_as_json_has_all_that_is_known_of_it()
    {
        var session = new FakeSession();
        var properties = new MessageProperties
        {
            ContentType = "text/plain", Priority = 3, Timestamp = DateTimeOffset.UnixEpoch, Expiration = TimeSpan.FromSeconds(2),
            Headers = FieldTable.Of(("a", 1L), ("b", FieldValue.List("x", true, FieldValue.Null, 0.5, new byte[] { 255 }))),
        };
        session.Ready.Enqueue(new IncomingMessage("logs", "k", properties, "hi \"ü\""u8.ToArray(), Redelivered: true, DeliveryCount: 2));
        session.Ready.Enqueue(new IncomingMessage("", "q", new MessageProperties(), new byte[] { 0xff, 0x00 }, Redelivered: false, DeliveryCount: 0));
        await using var pbm = new PbmRun(session);
        await pbm.RunAsync("message", "consume", "orders", "--json");
        const string known = """
            "contentType":"text/plain","timestamp":"1970-01-01T00:00:00.000Z","expirationMs":2000,"priority":3,"headers":{"a":1,"b":["x",true,null,0.5,"/w=="]}
            """;
        const string first = $$"""{"exchange":"logs","routingKey":"k","redelivered":true,"deliveryCount":2,"properties":{{{known}}},"body":"hi \"ü\""}""";
        const string second = """{"exchange":"","routingKey":"q","redelivered":false,"deliveryCount":0,"properties":{},"bodyBase64":"/wA="}""";
        Assert.Equal($"{first}\n{second}\n", pbm.Output);
    }

    [Fact]
    public async Task A_message_that_could_not_be_written_is_not_acknowledged()
    {
        var session = new FakeSession();
        session.Ready.Enqueue(Message("a"));
        using var console = new PbmConsole(Stream.Null, new BrokenStream(), TextWriter.Null, isTerminal: false, isInteractive: false);
        await using var application = new PbmApplication(console, (_, _) => Task.FromResult<IBrokerSession>(session));
        Assert.Equal(ExitCode.Failed, await application.RunAsync(["message", "consume", "orders", "--certs", "/nowhere"], CancellationToken.None));
        Assert.Equal(0, session.Acknowledged);
    }

    private static IncomingMessage Message(string body) => new("", "orders", new MessageProperties(), Encoding.UTF8.GetBytes(body), false, 0);

    private static PbmRun Filled(FakeSession session, params string[] bodies) => Filled(session, bodies, isTerminal: false);

    private static PbmRun Filled(FakeSession session, string body, bool isTerminal) => Filled(session, [body], isTerminal);

    private static PbmRun Filled(FakeSession session, string[] bodies, bool isTerminal)
    {
        Array.ForEach(bodies, body => session.Ready.Enqueue(Message(body)));
        return new PbmRun(session, isTerminal: isTerminal);
    }

    /// <summary>A pipe whose reader is gone.</summary>
    private sealed class BrokenStream : MemoryStream
    {
        public override void Write(ReadOnlySpan<byte> buffer) => throw new IOException("Broken pipe");

        public override void Write(byte[] buffer, int offset, int count) => throw new IOException("Broken pipe");
    }
}
