using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Broker.Pbm.Session;
using Broker.Protocol;

namespace Broker.Pbm.Tests;

/// <summary>A node of a few queues in memory, with a catalog of a few commands.</summary>
internal sealed class FakeSession : IBrokerSession
{
    public const string Catalog = """
        {"command":"queue declare","description":"Make a queue.","columns":["name","messages"],"arguments":[
          {"name":"queue","kind":"positional","type":"string","required":true,"default":null,"description":"Its name"},
          {"name":"transient","kind":"flag","type":"bool","required":false,"default":false,"description":"Forget it"},
          {"name":"max-length","kind":"option","type":"int","required":false,"default":1000,"description":"Bound"},
          {"name":"lazy","kind":"option","type":"bool","required":false,"default":null,"description":"Late"}]}
        {"command":"queue list","description":"List the queues.","arguments":[],"columns":["name","messages"]}
        {"command":"catalog","description":"List the commands.","arguments":[],"columns":["command"]}
        {"command":"actor hierarchy","description":"Show the actors.","arguments":[],"columns":[]}
        {"command":"book export","description":"Write the book.","columns":["text"],"isText":true,"arguments":[
          {"name":"file","kind":"positional","type":"string","required":false,"default":null,"description":"Where to","file":"write"}]}
        {"command":"book import","description":"Read a book.","columns":["page"],"arguments":[
          {"name":"file","kind":"positional","type":"string","required":true,"default":null,"description":"Where from","file":"read"}]}
        {"command":"cluster tail","description":"Show what happens.","arguments":[],"columns":["kind"],"follows":true}
        """;

    public List<(string Command, string Arguments)> Requests { get; } = [];

    public List<FieldTable> Subscribed { get; } = [];

    public List<OutgoingMessage> Published { get; } = [];

    public Queue<IncomingMessage> Ready { get; } = new();

    /// <summary>Rows that every command but the catalog answers.</summary>
    public string[] Rows { get; init; } = [];

    /// <summary>What keeps a command from ending after its rows. Default: nothing.</summary>
    public Task Last { get; init; } = Task.CompletedTask;

    /// <summary>Completes when a command has taken all rows and wants more.</summary>
    public TaskCompletionSource AllTaken { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What a command ends with instead of rows.</summary>
    public PbmException? Failure { get; init; }

    /// <summary>The node's answer for a published message; default: confirmed.</summary>
    public Func<OutgoingMessage, Task<PublishResult>> Answer { get; init; } = _ => Task.FromResult(new PublishResult(PublishOutcome.Confirmed));

    public int Acknowledged { get; private set; }

    public bool IsDisposed { get; private set; }

    public async IAsyncEnumerable<JsonElement> AdminAsync(string command, JsonObject arguments, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.Yield();
        if (command == "catalog")
        {
            var rows = JsonDocument.Parse($"[{string.Join(',', Catalog.Replace("\n{", "\n,{", StringComparison.Ordinal).Split("\n,"))}]");
            foreach (var row in rows.RootElement.EnumerateArray())
            {
                yield return row;
            }

            yield break;
        }

        Requests.Add((command, arguments.ToJsonString()));
        if (Failure is not null)
        {
            throw Failure;
        }

        foreach (var row in Rows)
        {
            yield return JsonDocument.Parse(row).RootElement;
        }

        AllTaken.TrySetResult();
        await Last.WaitAsync(cancellationToken);
    }

    public Task<PublishResult> PublishAsync(OutgoingMessage message, CancellationToken cancellationToken)
    {
        Published.Add(message);
        return Answer(message);
    }

    public Task<IncomingMessage?> GetAsync(string queue, bool noAck, CancellationToken cancellationToken) =>
        Task.FromResult(Ready.TryDequeue(out var message) ? WithAck(message) : null);

    public async IAsyncEnumerable<IncomingMessage> ConsumeAsync(
        string queue, bool noAck, int prefetch, FieldTable arguments, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Subscribed.Add(arguments);
        while (Ready.TryDequeue(out var message))
        {
            yield return WithAck(message);
        }

        await Task.Delay(Timeout.Infinite, cancellationToken);
    }

    public Task<TimeSpan> PingAsync(CancellationToken cancellationToken) => Task.FromResult(TimeSpan.FromMilliseconds(0.25));

    public ValueTask DisposeAsync()
    {
        IsDisposed = true;
        return ValueTask.CompletedTask;
    }

    private IncomingMessage WithAck(IncomingMessage message) => message with
    {
        AckAsync = () =>
        {
            Acknowledged++;
            return Task.CompletedTask;
        },
    };
}
