// A learning Ethernet bridge between two devices. More ports: one more FromDevice, Queue and ToDevice each.

define($DEV0 tap0, $DEV1 tap1, $QUEUE 1000, $TIMEOUT 300, $OFFLOAD true)

bridge :: EtherSwitch(TIMEOUT $TIMEOUT);

FromDevice($DEV0, PROMISC true, OFFLOAD $OFFLOAD) -> [0] bridge [0] -> queue0 :: Queue($QUEUE) -> ToDevice($DEV0);
FromDevice($DEV1, PROMISC true, OFFLOAD $OFFLOAD) -> [1] bridge [1] -> queue1 :: Queue($QUEUE) -> ToDevice($DEV1);
