namespace Broker.Pbm.Tests;

public sealed class NodeCommandTests
{
    [Fact]
    public async Task Only_arguments_that_were_given_are_sent_with_their_types()
    {
        await using var pbm = new PbmRun();
        Assert.Equal(ExitCode.Ok, await pbm.RunAsync("queue", "declare", "orders", "--max-length", "5", "--transient", "--lazy", "false"));
        Assert.Equal([("queue declare", """{"queue":"orders","transient":true,"max-length":5,"lazy":false}""")], pbm.Session.Requests);
    }

    [Fact]
    public async Task Defaults_are_left_to_the_node()
    {
        await using var pbm = new PbmRun();
        await pbm.RunAsync("queue", "declare", "orders");
        Assert.Equal([("queue declare", """{"queue":"orders"}""")], pbm.Session.Requests);
    }

    [Theory]
    [InlineData("queue", "declare")]
    [InlineData("queue", "declare", "orders", "--max-length", "many")]
    [InlineData("queue", "declare", "orders", "--unknown")]
    [InlineData("queue", "frobnicate")]
    [InlineData("queue")]
    [InlineData("frobnicate")]
    [InlineData("queue", "list", "--port", "70000")]
    [InlineData("queue", "list", "--timeout", "0")]
    public async Task A_wrong_command_line_is_explained_and_nothing_is_sent(params string[] arguments)
    {
        await using var pbm = new PbmRun();
        Assert.Equal(ExitCode.Usage, await pbm.RunAsync(arguments));
        Assert.Empty(pbm.Session.Requests);
        Assert.Empty(pbm.Output);
        Assert.Matches("^pbm: .*See 'pbm help.*'\\.\n$", pbm.Error);
    }

    [Fact]
    public async Task Rows_in_a_pipe_are_lines_with_tabs_in_the_order_of_the_columns()
    {
        await using var pbm = new PbmRun(new FakeSession { Rows = ["""{"messages":3,"name":"a"}""", """{"name":"b\u001b[2J","extra":1}"""] });
        await pbm.RunAsync("queue", "list");
        Assert.Equal("name\tmessages\na\t3\nb\\u001b[2J\t\n", pbm.Output);
    }

    [Fact]
    public async Task Rows_on_a_terminal_are_a_table()
    {
        await using var pbm = new PbmRun(new FakeSession { Rows = ["""{"name":"orders","messages":3}"""] }, isTerminal: true);
        await pbm.RunAsync("queue", "list");
        Assert.Contains("│ orders │ 3        │", pbm.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rows_as_json_are_one_object_a_line_with_everything_the_node_said()
    {
        await using var pbm = new PbmRun(new FakeSession { Rows = ["""{ "name": "Bücher", "messages": 3, "extra": [1, null] }""", """{"name":"b"}"""] });
        await pbm.RunAsync("queue", "list", "--json");
        Assert.Equal("{\"name\":\"Bücher\",\"messages\":3,\"extra\":[1,null]}\n{\"name\":\"b\"}\n", pbm.Output);
    }

    [Fact]
    public async Task Without_columns_the_first_row_names_them()
    {
        await using var pbm = new PbmRun(new FakeSession { Rows = ["""{"path":"/a","ready":true}"""] });
        await pbm.RunAsync("actor", "hierarchy");
        Assert.Equal("path\tready\n/a\tyes\n", pbm.Output);
    }

    [Fact]
    public async Task A_refusal_by_the_node_is_one_line_with_its_code()
    {
        await using var pbm = new PbmRun(new FakeSession { Failure = new PbmException(ExitCode.Failed, "NOT_FOUND", "no queue 'a'") });
        Assert.Equal(ExitCode.Failed, await pbm.RunAsync("queue", "list"));
        Assert.Equal("pbm: NOT_FOUND: no queue 'a'\n", pbm.Error);
        Assert.Empty(pbm.Output);
    }

    [Fact]
    public async Task A_node_that_does_not_answer_in_time_is_a_timeout()
    {
        var never = new TaskCompletionSource<Session.PublishResult>();
        await using var pbm = new PbmRun(new FakeSession { Answer = _ => never.Task });
        Assert.Equal(ExitCode.Timeout, await pbm.RunAsync("message", "publish", "hello", "--timeout", "0.05"));
        Assert.Equal("pbm: no confirmation within 0.05 s\n", pbm.Error);
        Assert.Equal("0 confirmed, 1 unknown\n", pbm.Output);
    }

    [Fact]
    public async Task A_command_that_is_not_answered_in_time_is_a_timeout()
    {
        await using var pbm = new PbmRun(new FakeSession { Last = new TaskCompletionSource().Task });
        Assert.Equal(ExitCode.Timeout, await pbm.RunAsync("queue", "list", "--timeout", "0.05"));
        Assert.Equal("pbm: no answer to 'queue list' within 0.05 s\n", pbm.Error);
    }

    [Fact]
    public async Task No_connection_has_its_own_exit_code()
    {
        await using var pbm = new PbmRun(refusal: new PbmException(ExitCode.CannotConnect, "", "nobody answers"));
        Assert.Equal(ExitCode.CannotConnect, await pbm.RunAsync("queue", "list"));
        Assert.Equal("pbm: nobody answers\n", pbm.Error);
    }

    [Fact]
    public async Task Commands_share_a_session_and_the_list_of_commands()
    {
        await using var pbm = new PbmRun();
        await pbm.RunAsync("queue", "list");
        await pbm.RunAsync("queue", "declare", "a");
        await pbm.RunAsync("connection", "ping");
        Assert.Single(pbm.Targets);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_command_that_follows_shows_each_row_at_once_and_waits_for_the_next_for_ever(bool isTerminal)
    {
        var last = new TaskCompletionSource();
        await using var pbm = new PbmRun(new FakeSession { Rows = ["""{"kind":"elected"}""", """{"kind":"node-up"}"""], Last = last.Task }, isTerminal: isTerminal);
        using var interrupted = new CancellationTokenSource();
        var run = pbm.RunAsync(interrupted.Token, "cluster", "tail", "--timeout", "0.05");
        await pbm.Session.AllTaken.Task.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal("kind\nelected\nnode-up\n", pbm.Output);
        Assert.NotSame(run, await Task.WhenAny(run, Task.Delay(TimeSpan.FromMilliseconds(200)))); // four times what an answer may take
        await interrupted.CancelAsync();
        Assert.Equal(ExitCode.Interrupted, await run);
    }

    [Fact]
    public async Task A_command_that_follows_ends_when_the_node_ends_it()
    {
        await using var pbm = new PbmRun(new FakeSession { Rows = ["""{"kind":"elected"}"""] });
        Assert.Equal(ExitCode.Ok, await pbm.RunAsync("cluster", "tail", "--json"));
        Assert.Equal("{\"kind\":\"elected\"}\n", pbm.Output);
    }
}
