/* lwIP behind a tap: takes one TCP connection to its end and prints bits a second. Its own tapif is broken: one thread
   here reads frames, as many as there are, and hands each to lwIP under its lock; lwIP's own thread runs its timers.

       lwip_sink TAP ADDRESS GATEWAY PORT
*/
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <lwip/etharp.h>
#include <lwip/init.h>
#include <lwip/ip4_addr.h>
#include <lwip/tcp.h>
#include <lwip/tcpip.h>
#include <netif/ethernet.h>

enum { FRAME = 1514 };

static int tap;
static int ended;
static double began;
static unsigned long long total;

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static int open_tap(const char *name)
{
    struct ifreq request = {0};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0) {
        perror(name);
        exit(1);
    }
    return fd;
}

static err_t frame_output(struct netif *netif, struct pbuf *frame)
{
    (void)netif;
    return write(tap, frame->payload, frame->len) < 0 ? ERR_IF : ERR_OK;    /* LWIP_NETIF_TX_SINGLE_PBUF */
}

static err_t interface_init(struct netif *netif)
{
    static const unsigned char ether[6] = {2, 0, 0, 0, 0, 2};
    netif->name[0] = 't';
    netif->name[1] = 'p';
    netif->output = etharp_output;
    netif->linkoutput = frame_output;
    netif->mtu = 1500;
    netif->hwaddr_len = 6;
    memcpy(netif->hwaddr, ether, 6);
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
    return ERR_OK;
}

static err_t received(void *argument, struct tcp_pcb *pcb, struct pbuf *data, err_t error)
{
    (void)argument;
    (void)error;
    if (data == NULL) {
        printf("%f\n", 8 * total / (seconds() - began));
        fflush(stdout);
        tcp_close(pcb);
        ended = 1;
        return ERR_OK;
    }
    total += data->tot_len;
    tcp_recved(pcb, data->tot_len);
    pbuf_free(data);
    return ERR_OK;
}

static err_t accepted(void *argument, struct tcp_pcb *pcb, err_t error)
{
    (void)argument;
    (void)error;
    began = seconds();
    tcp_recv(pcb, received);
    return ERR_OK;
}

static void read_frames(struct netif *netif)
{
    struct pbuf *frame;
    ssize_t length;
    for (;;) {
        frame = pbuf_alloc(PBUF_RAW, FRAME, PBUF_RAM);
        if (frame == NULL)
            return;
        length = read(tap, frame->payload, FRAME);
        if (length <= 0) {
            pbuf_free(frame);
            return;
        }
        pbuf_realloc(frame, (u16_t)length);
        if (netif->input(frame, netif) != ERR_OK)
            pbuf_free(frame);
    }
}

int main(int count, char **arguments)
{
    struct netif netif;
    struct tcp_pcb *listener;
    struct pollfd wait;
    ip4_addr_t address, mask, gateway;
    if (count != 5) {
        fprintf(stderr, "usage: lwip_sink TAP ADDRESS GATEWAY PORT\n");
        return 2;
    }
    tap = open_tap(arguments[1]);
    ip4addr_aton(arguments[2], &address);
    ip4addr_aton(arguments[3], &gateway);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    tcpip_init(NULL, NULL);
    LOCK_TCPIP_CORE();
    netif_add(&netif, &address, &mask, &gateway, NULL, interface_init, ethernet_input);
    netif_set_default(&netif);
    netif_set_up(&netif);
    listener = tcp_new();
    tcp_bind(listener, IP_ADDR_ANY, (u16_t)atoi(arguments[4]));
    listener = tcp_listen(listener);
    tcp_accept(listener, accepted);
    UNLOCK_TCPIP_CORE();
    puts("ready");
    fflush(stdout);
    wait.fd = tap;
    wait.events = POLLIN;
    while (!ended) {
        poll(&wait, 1, 1000);
        LOCK_TCPIP_CORE();
        read_frames(&netif);
        UNLOCK_TCPIP_CORE();
    }
    usleep(50000);              /* the last acknowledgments are lwIP's own thread's */
    return 0;
}
