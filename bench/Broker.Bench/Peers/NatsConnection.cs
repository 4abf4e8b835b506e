using System.Buffers;
using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Broker.Client;

namespace Broker.Bench.Peers;

/// <summary>Called by the thread that reads, for each message of a subscription; the body is empty if nobody answers.</summary>
internal delegate void NatsHandler(ReadOnlySpan<byte> subject, ReadOnlySpan<byte> reply, ReadOnlySpan<byte> body);

/// <summary>As much of the text protocol of NATS as JetStream needs. What is written while a write is under way goes out with the next one.</summary>
internal sealed class NatsConnection : IAsyncDisposable
{
    private const string Hello = "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"bench\",\"version\":\"1\",\"protocol\":1,\"headers\":true,\"no_responders\":true}\r\nPING\r\n";
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(5);

    private readonly Socket _socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _greeted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentDictionary<string, TaskCompletionSource<string>> _requests = new();
    private readonly List<NatsHandler> _handlers = [];
    private readonly Action _lost;

    private ArrayBufferWriter<byte> _gathered = new();
    private ArrayBufferWriter<byte> _spare = new();
    private bool _writing;
    private volatile bool _ended;
    private int _lastRequest;

    private NatsConnection(Action lost) => _lost = lost;

    /// <summary>The start of subjects that are this connection's own.</summary>
    public string Inbox { get; } = $"_INBOX.{Guid.NewGuid():N}";

    /// <summary>Connects to a node.</summary>
    /// <param name="node">Its address.</param>
    /// <param name="lost">Called when the connection ends.</param>
    public static async Task<NatsConnection> OpenAsync(BrokerEndpoint node, Action lost)
    {
        var connection = new NatsConnection(lost);
        try
        {
            await connection._socket.ConnectAsync(node.Host, node.Port);
            _ = Task.Run(connection.ReadAsync);
            connection.Write(Hello);
            connection.Subscribe($"{connection.Inbox}.request.*", connection.TakeAnswer);
            await connection._greeted.Task.WaitAsync(AnswerTimeout);
            return connection;
        }
        catch (Exception)
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    public void Subscribe(string subject, NatsHandler handler)
    {
        lock (_gate)
        {
            _handlers.Add(handler);
            Write($"SUB {subject} {_handlers.Count - 1}\r\n");
        }
    }

    /// <summary>Publishes; an empty reply subject asks for no answer.</summary>
    /// <exception cref="IOException">The connection has ended.</exception>
    public void Publish(ReadOnlySpan<byte> subject, ReadOnlySpan<byte> reply, ReadOnlySpan<byte> body)
    {
        lock (_gate)
        {
            _gathered.Write("PUB "u8);
            _gathered.Write(subject);
            _gathered.Write(" "u8);
            if (reply.Length > 0)
            {
                _gathered.Write(reply);
                _gathered.Write(" "u8);
            }

            Utf8Formatter.TryFormat(body.Length, _gathered.GetSpan(16), out var digits);
            _gathered.Advance(digits);
            _gathered.Write("\r\n"u8);
            _gathered.Write(body);
            _gathered.Write("\r\n"u8);
            StartWriting();
        }
    }

    /// <summary>Asks the API of JetStream.</summary>
    /// <exception cref="IOException">It has refused, or nobody answers to the subject.</exception>
    public async Task<JsonNode> RequestAsync(string subject, string body)
    {
        var reply = $"{Inbox}.request.{Interlocked.Increment(ref _lastRequest)}";
        var answered = _requests.GetOrAdd(reply, static _ => new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously));
        Publish(Encoding.ASCII.GetBytes(subject), Encoding.ASCII.GetBytes(reply), Encoding.UTF8.GetBytes(body));
        var text = await answered.Task.WaitAsync(AnswerTimeout);
        var answer = text.Length == 0 ? null : JsonNode.Parse(text);
        return answer is null || answer["error"] is not null ? throw new IOException($"{subject}: {(answer is null ? "nobody answers" : text)}") : answer;
    }

    public ValueTask DisposeAsync()
    {
        _ended = true;
        _socket.Dispose();
        return ValueTask.CompletedTask;
    }

    private void TakeAnswer(ReadOnlySpan<byte> subject, ReadOnlySpan<byte> reply, ReadOnlySpan<byte> body)
    {
        if (_requests.TryRemove(Encoding.ASCII.GetString(subject), out var answered))
        {
            answered.SetResult(Encoding.UTF8.GetString(body));
        }
    }

    private void Write(string text)
    {
        lock (_gate)
        {
            _gathered.Write(Encoding.ASCII.GetBytes(text));
            StartWriting();
        }
    }

    private void StartWriting()
    {
        if (_ended)
        {
            throw new IOException("the connection has ended");
        }

        if (!_writing)
        {
            _writing = true;
            _ = Task.Run(WriteGatheredAsync);
        }
    }

    private async Task WriteGatheredAsync()
    {
        try
        {
            while (true)
            {
                ArrayBufferWriter<byte> next;
                lock (_gate)
                {
                    if (_gathered.WrittenCount == 0)
                    {
                        _writing = false;
                        return;
                    }

                    (next, _gathered) = (_gathered, _spare);
                }

                for (var rest = next.WrittenMemory; rest.Length > 0;)
                {
                    rest = rest[await _socket.SendAsync(rest)..];
                }

                next.ResetWrittenCount();
                _spare = next;
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            End();
        }
    }

    private async Task ReadAsync()
    {
        var buffer = new byte[1 << 20];
        var filled = 0;
        try
        {
            while (await _socket.ReceiveAsync(buffer.AsMemory(filled)) is > 0 and var count)
            {
                filled += count;
                var used = Parse(buffer.AsSpan(0, filled));
                buffer.AsSpan(used, filled - used).CopyTo(buffer);
                filled -= used;
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or IOException)
        {
            // the same as an end
        }

        End();
    }

    private void End()
    {
        if (!_ended)
        {
            _ended = true;
            _lost();
        }
    }

    /// <summary>Handles what is whole, and returns how much that was.</summary>
    private int Parse(ReadOnlySpan<byte> bytes)
    {
        var used = 0;
        Span<Range> fields = stackalloc Range[7];
        while (bytes[used..].IndexOf("\r\n"u8) is >= 0 and var end)
        {
            var line = bytes.Slice(used, end);
            var after = used + end + 2;
            if (line.StartsWith("MSG "u8) || line.StartsWith("HMSG "u8))
            {
                // MSG subject sid [reply] size, or HMSG subject sid [reply] header-size size
                var count = Split(line, fields);
                var hasHeader = line[0] == 'H';
                var size = Number(line[fields[count - 1]]);
                if (bytes.Length < after + size + 2)
                {
                    break;
                }

                var header = hasHeader ? Number(line[fields[count - 2]]) : 0;
                var reply = count > (hasHeader ? 5 : 4) ? line[fields[3]] : default;
                Handler(Number(line[fields[2]]))(line[fields[1]], reply, bytes.Slice(after + header, size - header));
                after += size + 2;
            }
            else if (line.StartsWith("PING"u8))
            {
                Write("PONG\r\n");
            }
            else if (line.StartsWith("PONG"u8))
            {
                _greeted.TrySetResult();
            }
            else if (line.StartsWith("-ERR"u8))
            {
                throw new IOException(Encoding.ASCII.GetString(line));
            }

            used = after;
        }

        return used;
    }

    private NatsHandler Handler(int number)
    {
        lock (_gate)
        {
            return _handlers[number];
        }
    }

    private static int Split(ReadOnlySpan<byte> line, Span<Range> fields)
    {
        var count = 0;
        foreach (var field in line.Split((byte)' '))
        {
            fields[count++] = field;
        }

        return count;
    }

    private static int Number(ReadOnlySpan<byte> digits) => Utf8Parser.TryParse(digits, out int value, out _) ? value : throw new IOException("not a number");
}
