using System.Runtime.InteropServices;
using Broker.Transport.Ngtcp2.Interop;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>Takes datagrams from the socket, many per call where the kernel allows it.</summary>
internal sealed unsafe class DatagramReceiver : IDisposable
{
    /// <summary>The largest datagram that peers are told to send: a jumbo frame.</summary>
    public const int MaxDatagram = 9200;

    private const int JoinedSlots = 8;
    private const int JoinedSlotSize = 64 * 1024;
    private const int BatchedSlots = 32;
    private const int BatchedSlotSize = MaxDatagram + 16;

    private readonly UdpSocket _socket;
    private readonly Endpoint _endpoint;
    private readonly Func<bool>? _lose;
    private readonly int _slots;
    private readonly int _slotSize;
    private byte* _memory;
    private BatchedMessageHeader* _headers;
    private bool _batched;

    public DatagramReceiver(Endpoint endpoint, UdpSocket socket, EngineOptions options)
    {
        _endpoint = endpoint;
        _socket = socket;
        _lose = options.Lose;
        _batched = options.Io != IoMode.Plain;
        (_slots, _slotSize) = socket.CanSegment ? (JoinedSlots, JoinedSlotSize) : (BatchedSlots, BatchedSlotSize);
        var perSlot = sizeof(BatchedMessageHeader) + sizeof(Vec) + SocketAddressStorage.Size + 4 + ControlMessages.Capacity + _slotSize;
        _memory = (byte*)NativeMemory.AllocZeroed((nuint)(_slots * perSlot));
        _headers = (BatchedMessageHeader*)_memory;
        var vectors = (Vec*)(_headers + _slots);
        var controls = (byte*)(vectors + _slots);
        var names = controls + (_slots * ControlMessages.Capacity);
        var data = names + (_slots * (SocketAddressStorage.Size + 4));
        for (var i = 0; i < _slots; i++)
        {
            vectors[i] = new Vec { Base = data + (i * _slotSize), Length = (nuint)_slotSize };
            _headers[i].Header = new MessageHeader { Name = names + (i * (SocketAddressStorage.Size + 4)), Data = vectors + i, DataCount = 1, Control = controls + (i * ControlMessages.Capacity) };
        }
    }

    /// <summary>Receives until the socket is empty or it is others' turn.</summary>
    public void Receive()
    {
        var rounds = _batched ? 2 : 2 * _slots;
        for (var round = 0; round < rounds; round++)
        {
            var wanted = _batched ? _slots : 1;
            for (var i = 0; i < wanted; i++)
            {
                _headers[i].Header.NameLength = SocketAddressStorage.Size;
                _headers[i].Header.ControlLength = ControlMessages.Capacity;
                _headers[i].Header.Flags = 0;
            }

            var received = ReceiveBatch(wanted);
            if (received <= 0)
            {
                return;
            }

            var now = Clock.Now;
            for (var i = 0; i < received; i++)
            {
                Deliver(ref _headers[i], now);
            }

            if (received < wanted)
            {
                return;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        NativeMemory.Free(_memory);
        _memory = null;
        _headers = null;
    }

    private int ReceiveBatch(int wanted)
    {
        if (_batched)
        {
            var received = LibC.recvmmsg(_socket.Descriptor, _headers, (uint)wanted, LibC.MessageDontWait, null);
            if (received >= 0 || Marshal.GetLastPInvokeError() != LibC.ErrorNotImplemented)
            {
                return received;
            }

            _batched = false;
        }

        var length = LibC.recvmsg(_socket.Descriptor, &_headers->Header, LibC.MessageDontWait);
        if (length < 0)
        {
            return -1;
        }

        _headers->Length = (uint)length;
        return 1;
    }

    private void Deliver(ref BatchedMessageHeader message, ulong now)
    {
        ref var header = ref message.Header;
        var length = (int)message.Length;
        if (length == 0 || (header.Flags & LibC.MessageTruncated) != 0)
        {
            _endpoint.CountDropped();
            return;
        }

        var local = _socket.Local;
        var segment = length;
        ControlMessages.Read(header, ref local, ref segment, out var ecn);
        if (!_socket.IsWildcard)
        {
            local = _socket.Local;
        }

        NativePath path = default;
        path.Local.Address = &local;
        path.Local.Length = local.Length;
        path.Remote.Address = header.Name;
        path.Remote.Length = header.NameLength;
        segment = Math.Max(1, segment);
        for (var offset = 0; offset < length; offset += segment)
        {
            if (_lose == null || !_lose())
            {
                try
                {
                    _endpoint.OnDatagram(&path, ecn, header.Data->Base + offset, Math.Min(segment, length - offset), now);
                }
                catch (Exception)
                {
                    // One datagram must never end the loop that serves all connections.
                    _endpoint.CountDropped();
                }
            }
        }
    }
}
