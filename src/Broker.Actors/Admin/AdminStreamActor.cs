using System.Text.Json;
using System.Text.Json.Nodes;
using Broker.Actors.Connections;
using Broker.Actors.Runtime;
using Broker.Actors.Server;
using Broker.Actors.Streams;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Actors.Admin;

/// <summary>One admin stream: commands in, rows out, one command at a time. For certificates with the admin role, which the connection checks.</summary>
internal sealed class AdminStreamActor(IQuicStream stream, NodeServices node, StreamStatus status)
    : FrameStreamActor(stream, node, status, ProtocolLimits.MaxControlFrameBytes)
{
    private const int RowsPerFlush = 256;
    private static readonly TimeSpan CommandTimeout = TimeSpan.FromSeconds(30);
    private readonly Queue<JsonObject> _rows = new();
    private ulong _requestId;
    private bool _running;
    private AdminEndFrame? _end;
    private long _handled;

    private sealed record Done(IReadOnlyList<JsonObject> Rows, ErrorCode Code, string Message);

    protected override bool MayHandleFrames => !OwesOutput;

    protected override bool OwesOutput => _running || _end is not null;

    protected override bool HasMoreOutput => _rows.Count > 0;

    protected override FrameFault? HandleFrame(FrameType type, ReadOnlySpan<byte> payload)
    {
        if (type != FrameType.AdminRequest)
        {
            return Unexpected(type, StreamKind.Admin);
        }

        if (!AdminRequestFrame.TryRead(payload, out var request, out var fault))
        {
            return fault;
        }

        _running = true;
        _requestId = request.RequestId;
        Status.Subject = request.Command;
        Status.SetMessages(++_handled);
        Context.PipeTo(RunAsync(request.Command, request.Json), done => done, e => new Done([], ErrorCode.InternalError, e.Message));
        return null;
    }

    protected override void ReceiveMessage(object message)
    {
        if (message is not Done done)
        {
            Unhandled(message);
            return;
        }

        _running = false;
        foreach (var row in done.Rows)
        {
            _rows.Enqueue(row);
        }

        _end = new AdminEndFrame(_requestId, done.Code, done.Message);
    }

    protected override void WriteFrames()
    {
        for (var i = 0; i < RowsPerFlush && _rows.TryDequeue(out var row); i++)
        {
            new AdminRowFrame(_requestId, JsonSerializer.SerializeToUtf8Bytes(row)).Write(Output);
            MarkWritten();
        }

        if (_end is { } end && _rows.Count == 0)
        {
            end.Write(Output);
            _end = null;
            MarkWritten();
        }
    }

    private async Task<Done> RunAsync(string command, ReadOnlyMemory<byte> json)
    {
        using var deadline = new CancellationTokenSource(CommandTimeout, Node.Options.TimeProvider);
        try
        {
            return new Done(await Node.Commands.RunAsync(command, json, deadline.Token), ErrorCode.NoError, "");
        }
        catch (AdminException e)
        {
            return new Done([], e.Code, e.Message);
        }
        catch (Exception e) when (e is OperationCanceledException or TimeoutException)
        {
            return new Done([], ErrorCode.Unavailable, $"'{command}' took longer than {CommandTimeout.TotalSeconds:0} s: {e.Message}");
        }
    }
}
