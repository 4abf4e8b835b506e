using System.Text;
using System.Text.Json.Nodes;
using Broker.Protocol;

namespace Broker.Actors.Tests.Nodes;

/// <summary>An administrator's stream, and what tests look up with it.</summary>
internal sealed class WireAdmin(WireConnection connection, WireStream stream) : IAsyncDisposable
{
    private ulong _requestId;

    public WireStream Stream => stream;

    public WireConnection Connection => connection;

    /// <summary>Runs a command to its ADMIN_END.</summary>
    public async Task<(List<JsonObject> Rows, ErrorCode Code, string Message)> TryRunAsync(string command, string json = "")
    {
        var id = ++_requestId;
        await stream.SendAsync(w => new AdminRequestFrame(id, command, Encoding.UTF8.GetBytes(json)).Write(w));
        var rows = new List<JsonObject>();
        while (true)
        {
            var frame = await stream.ReadAsync();
            Assert.True(frame is not null, $"'{command}': the stream ended before ADMIN_END");
            if (frame.Value.Type == FrameType.AdminRow)
            {
                Assert.True(AdminRowFrame.TryRead(frame.Value.Payload, out var row, out _));
                Assert.Equal(id, row.RequestId);
                rows.Add(JsonNode.Parse(row.Json.Span)!.AsObject());
                continue;
            }

            Assert.Equal(FrameType.AdminEnd, frame.Value.Type);
            Assert.True(AdminEndFrame.TryRead(frame.Value.Payload, out var end, out _));
            Assert.Equal(id, end.RequestId);
            return (rows, end.Code, end.Message);
        }
    }

    /// <summary>Runs a command that must succeed.</summary>
    public async Task<List<JsonObject>> RunAsync(string command, string json = "")
    {
        var (rows, code, message) = await TryRunAsync(command, json);
        Assert.True(code == ErrorCode.NoError, $"'{command} {json}': {code} {message}");
        return rows;
    }

    /// <summary>Runs a command that must be refused.</summary>
    public async Task<string> RefusedAsync(ErrorCode expected, string command, string json = "")
    {
        var (rows, code, message) = await TryRunAsync(command, json);
        Assert.True(code == expected, $"'{command} {json}': expected {expected}, but got {code} {message}");
        Assert.Empty(rows);
        return message;
    }

    /// <summary>The row of a queue in <c>queue list</c>; <c>null</c> if it is not there.</summary>
    public async Task<JsonObject?> QueueAsync(string name) => (await RunAsync("queue list")).SingleOrDefault(q => (string?)q["name"] == name);

    /// <summary>Waits for a queue to have so many messages that are ready and that consumers hold.</summary>
    public Task ExpectQueueAsync(string name, int ready, int unsettled) => UntilAsync(
        async () => await QueueAsync(name),
        q => q is not null && (int)q["ready"]! == ready && (int)q["unsettled"]! == unsettled,
        $"queue '{name}' to have {ready} ready and {unsettled} unsettled messages");

    /// <summary>Paths of all actors.</summary>
    public async Task<List<string>> HierarchyAsync() => [.. (await RunAsync("actor hierarchy")).Select(r => (string)r["path"]!)];

    /// <summary>Asks again and again until the answer is as it should be.</summary>
    public static async Task<T> UntilAsync<T>(Func<Task<T>> ask, Func<T, bool> condition, string what)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var answer = await ask();
            if (condition(answer))
            {
                return answer;
            }

            await Task.Yield();
            if (TimeProvider.System.GetElapsedTime(start) > WireConnection.Timeout)
            {
                throw new TimeoutException($"waited {WireConnection.Timeout} for {what}; last seen: {answer}");
            }
        }
    }

    public ValueTask DisposeAsync() => connection.DisposeAsync();
}
