using System.Text.Json;
using System.Text.Json.Nodes;
using Broker.Actors.Connections;
using Broker.Actors.Server;
using Broker.Actors.Streams;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Actors.Admin;

/// <summary>
/// One admin stream: commands in, rows out, one command at a time. For certificates with the admin role, which the connection checks. A command that yields rows as they come is asked for the
/// next ones when the client has taken those before.
/// </summary>
internal sealed class AdminStreamActor(IQuicStream stream, NodeServices node, StreamStatus status)
    : FrameStreamActor(stream, node, status, ProtocolLimits.MaxAdminRequestBytes)
{
    private const int RowsPerFlush = 256;
    private static readonly TimeSpan CommandTimeout = TimeSpan.FromSeconds(30);
    private readonly CancellationTokenSource _abandoned = new();
    private readonly Queue<JsonObject> _rows = new();
    private ulong _requestId;
    private string _command = "";
    private CancellationTokenSource? _timeout;
    private IAsyncEnumerator<JsonObject>? _running;
    private bool _asking;
    private AdminEndFrame? _end;
    private long _handled;

    /// <summary>The running command has a row, or (<c>null</c>) has ended.</summary>
    private sealed record Next(JsonObject? Row);

    private sealed record Failed(Exception Failure);

    protected override bool MayHandleFrames => !OwesOutput;

    protected override bool OwesOutput => _running is not null || _end is not null;

    protected override bool HasMoreOutput => _rows.Count > 0;

    protected override void PostStop()
    {
        _abandoned.Cancel();
        End();
        base.PostStop();
    }

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

        _requestId = request.RequestId;
        _command = request.Command;
        Status.Subject = request.Command;
        Status.SetMessages(++_handled);
        _timeout = new CancellationTokenSource(CommandTimeout, Node.Options.TimeProvider);
        _running = Node.Commands.RunAsync(request.Command, request.Json, Node.IsServing, _timeout.Token, _abandoned.Token).GetAsyncEnumerator(_abandoned.Token);
        Ask();
        return null;
    }

    protected override void ReceiveMessage(object message)
    {
        switch (message)
        {
            case Next { Row: { } row }:
                _asking = false;
                _rows.Enqueue(row);
                Ask();
                break;
            case Next:
                _asking = false;
                End();
                _end = new AdminEndFrame(_requestId, ErrorCode.NoError, "");
                break;
            case Failed m:
                _asking = false;
                End();
                _end = EndFor(m.Failure);
                break;
            default:
                Unhandled(message);
                break;
        }
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

    protected override void HandleFlushed() => Ask();

    /// <summary>Asks the running command for its next row, unless enough wait for the client already.</summary>
    private void Ask()
    {
        if (_running is { } running && !_asking && _rows.Count < RowsPerFlush)
        {
            _asking = true;
            Context.PipeTo(running.MoveNextAsync(), more => new Next(more ? running.Current : null), failure => new Failed(failure));
        }
    }

    /// <summary>Lets go of the running command.</summary>
    private void End()
    {
        if (_running is { } running)
        {
            _running = null;
            if (!_asking)
            {
                Forget(running.DisposeAsync()); // one that is asked for a row ends by the token
            }
        }

        _timeout?.Dispose();
        _timeout = null;
    }

    private AdminEndFrame EndFor(Exception failure) => failure switch
    {
        AdminException e => new AdminEndFrame(_requestId, e.Code, e.Message),
        OperationCanceledException or TimeoutException => new AdminEndFrame(
            _requestId, ErrorCode.Unavailable, $"'{_command}' took longer than {CommandTimeout.TotalSeconds:0} s: {failure.Message}"),
        _ => new AdminEndFrame(_requestId, ErrorCode.InternalError, failure.Message),
    };
}
