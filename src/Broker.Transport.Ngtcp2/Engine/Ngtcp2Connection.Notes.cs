using Broker.Transport.Ngtcp2.Interop;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>Called from within ngtcp2: each of these only notes what is done when the call has returned.</summary>
internal sealed unsafe partial class Ngtcp2Connection
{
    /// <summary>The handshake has completed.</summary>
    public void NoteHandshakeCompleted() => _handshakeJustCompleted = true;

    /// <summary>A stateless reset came; the error that follows says only "draining".</summary>
    public void NoteStatelessReset() => _statelessReset = true;

    /// <summary>A packet was decrypted with the keys of this phase.</summary>
    public void NoteKeyPhase(bool phase) => Volatile.Write(ref _keyPhase, phase);

    /// <summary>The peer allows so many streams.</summary>
    public void NoteStreamLimit(long limit) => _newStreamLimit = limit;

    /// <summary>A packet holds a STOP_SENDING.</summary>
    public void NoteStopSending(long streamId, long errorCode) => (_stopSendings ??= []).Add((streamId, errorCode));

    /// <summary>A connection id is given to the peer, with the token by which it knows a reset for it.</summary>
    public void IssueConnectionId(Cid* cid, byte* token)
    {
        Endpoint.Keys.WriteResetToken(cid, token);
        Map(new ConnectionId(cid->Data, cid->Length));
    }

    /// <summary>The peer does not use a connection id any more.</summary>
    public void RetireConnectionId(Cid* cid)
    {
        var id = new ConnectionId(cid->Data, cid->Length);
        _localIds.Remove(id);
        Endpoint.Unmap(id);
    }

    /// <summary>The peer's reset token for an id that this side uses came or went.</summary>
    public void TrackResetToken(byte* token, bool active)
    {
        var key = new ConnectionId(token, 16);
        if (active)
        {
            _resetTokens.Add(key);
            Endpoint.MapResetToken(key, this);
        }
        else
        {
            _resetTokens.Remove(key);
            Endpoint.UnmapResetToken(key);
        }
    }

    /// <summary>An id that the peer gave is used as destination, or no more. Only clients are told what became of their datagrams.</summary>
    public void TrackDestination(Cid* cid, bool active)
    {
        if (IsServer)
        {
            return;
        }

        var id = new ConnectionId(cid->Data, cid->Length);
        Endpoint.MapDestination(id, this, active);
        if (active)
        {
            (_destinationIds ??= new(1)).Add(id);
        }
        else
        {
            _destinationIds?.Remove(id);
        }
    }

    /// <summary>Writes qlog.</summary>
    public void WriteQlog(ReadOnlySpan<byte> data, bool end)
    {
        _qlog?.Write(data);
        if (end)
        {
            _qlog?.Dispose();
            _qlog = null;
        }
    }
}
